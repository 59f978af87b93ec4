unit_test(config config)
unit_test(networks config)
target_compile_definitions(test_networks PRIVATE NETWORKS_FOLDER="${PROJECT_SOURCE_DIR}/resources/networks")
