unit_test(gateway gateway)
target_sources(test_gateway PRIVATE test_platform_fixture.c)
target_link_libraries(test_gateway PRIVATE PkgConfig::JANSSON)
set_tests_properties(unit.gateway PROPERTIES TIMEOUT 300)
