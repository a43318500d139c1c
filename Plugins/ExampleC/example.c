int sluice_backend_entry(void); int sluice_backend_entry(void) { return 0; }
