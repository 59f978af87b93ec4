# Each with the fixture beside it, which looks into the database with SQLite itself.
function(store_test name)
	unit_test(${name} store platform base)
	target_sources(test_${name} PRIVATE test_store_fixture.c)
	target_include_directories(test_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../powercut)
	target_link_libraries(test_${name} PRIVATE PkgConfig::SQLITE)
endfunction()

store_test(store)
store_test(store_body)
target_sources(test_store_body PRIVATE test_store_watch.c ../powercut/watched_vfs.c)
store_test(store_delivery)
store_test(store_scan)
store_test(store_committer)
target_sources(test_store_committer PRIVATE test_store_watch.c ../powercut/watched_vfs.c)
store_test(store_threads)
store_test(store_scale)
# To look at the plans of the store's own statements.
target_include_directories(test_store_scale PRIVATE ${PROJECT_SOURCE_DIR}/engine/store)
