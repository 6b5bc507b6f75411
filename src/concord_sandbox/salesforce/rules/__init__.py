"""What takes part in every write, in the order of `service.PARTS`: derived values, access, an admin's rules."""
