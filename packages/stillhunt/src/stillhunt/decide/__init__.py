"""What is done about findings: policy, decisions, and the log of them. Pure but for `log`: it reads no clock."""
