fuzz_target(log base)
target_include_directories(fuzz_log PRIVATE ${PROJECT_SOURCE_DIR}/engine/base)
