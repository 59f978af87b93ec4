unit_test(certificate net)
unit_test(certificate_files net)
unit_test(tls net)
unit_test(tls_data net)

# Certificates and sessions are judged by OpenSSL itself; the floor's internal header has the sessions.
foreach(name certificate certificate_files tls tls_data)
	target_sources(test_${name} PRIVATE certificate_folder.c)
	target_link_libraries(test_${name} PRIVATE PkgConfig::OPENSSL)
endforeach()
foreach(name tls tls_data)
	target_sources(test_${name} PRIVATE tls_pair.c)
	target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/engine/net)
endforeach()
