fuzz_target(opener crypto)
fuzz_target(keyring crypto)
fuzz_target(key_wrap crypto)
# To mend the checksums of damaged wraps, so that what lies behind them is reached.
target_include_directories(fuzz_key_wrap PRIVATE ${PROJECT_SOURCE_DIR}/engine/crypto)
fuzz_target(recovery_code crypto)
