fuzz_target(json_rpc control)
target_include_directories(fuzz_json_rpc PRIVATE ${PROJECT_SOURCE_DIR}/engine/control)
target_link_libraries(fuzz_json_rpc PRIVATE PkgConfig::JANSSON)
