unit_test(config config)
