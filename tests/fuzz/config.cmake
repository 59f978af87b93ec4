fuzz_target(config config)
fuzz_target(networks config)
