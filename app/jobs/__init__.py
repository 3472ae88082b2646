"""Work that outlives its request: the table is the truth, leases fence the workers, events tell what happened."""
