"""Which signal of a log works where: what each is worth beside the one that costs nothing."""
