"""Other people's formats: tasks and logs of the LM Evaluation Harness, and instance records of Every Eval Ever."""
