"""Code that was not written for gradverify: find out how to call it, in a process that may crash."""
