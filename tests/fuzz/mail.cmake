fuzz_target(dot mail)
fuzz_target(address mail)
