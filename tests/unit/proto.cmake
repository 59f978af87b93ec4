unit_test(smtp_server proto)
unit_test(outbox proto)
# Members of its own.
target_include_directories(test_outbox PRIVATE ${PROJECT_SOURCE_DIR}/engine/proto)
include(proto_pop3.cmake OPTIONAL)
