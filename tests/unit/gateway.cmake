unit_test(gateway gateway)
target_sources(test_gateway PRIVATE test_platform_fixture.c)
target_link_libraries(test_gateway PRIVATE PkgConfig::JANSSON)
set_tests_properties(unit.gateway PROPERTIES TIMEOUT 300)
unit_test(gateway_restart gateway)
target_sources(test_gateway_restart PRIVATE test_platform_fixture.c)
target_link_libraries(test_gateway_restart PRIVATE PkgConfig::JANSSON)
set_tests_properties(unit.gateway_restart PROPERTIES TIMEOUT 300)

# The floor's internal header has the table.
unit_test(host_use gateway)
target_include_directories(test_host_use PRIVATE ${PROJECT_SOURCE_DIR}/engine/gateway)
