"""What people see of a run: a self-contained HTML report, comparisons, and a closing table.

Everything here reads run directories and writes at most the file it is asked for; nothing imports
torch, so a report takes a second on any machine.
"""

from cogitate.report.compare import Comparison, compare
from cogitate.report.document import write_report
from cogitate.report.summary import render_summary, summary

__all__ = ["Comparison", "compare", "render_summary", "summary", "write_report"]
