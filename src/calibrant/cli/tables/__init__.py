"""What each command prints for people: sentences first, tables after."""
