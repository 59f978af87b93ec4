fuzz_target(certificate net)
target_include_directories(fuzz_certificate PRIVATE ${PROJECT_SOURCE_DIR}/engine/net)
