fuzz_target(smtp_server proto)
include(proto_pop3.cmake OPTIONAL)
