"""Attribution: search for the sites of a program at which a bias enters."""
