"""Mathematical answers: exact rules first, then math-verify in killable worker processes."""
