"""What a person or a program sees while a run goes on: live, plain lines, or JSON lines."""
