fuzz_target(sasl proto)
fuzz_target(pop3_server proto)
fuzz_target(pop3_client proto)
fuzz_target(smtp_client proto)
