fuzz_target(config config)
