unit_test(smtp_server proto)
include(proto_pop3.cmake OPTIONAL)
