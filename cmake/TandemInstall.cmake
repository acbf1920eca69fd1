# `cmake --install`: the programs, the public headers, and a CMake package:
#   find_package(tandem) gives tandem::worker and tandem::client.
include(CMakePackageConfigHelpers)

install(TARGETS tandem-master tandem-worker tandem RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tandem_worker tandem_client tandem_cluster tandem_http1 tandem_storage tandem_common
  EXPORT tandem-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY worker/include/ common/client/include/ common/tls/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(EXPORT tandem-targets NAMESPACE tandem::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)

configure_package_config_file(cmake/tandem-config.cmake.in tandem-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)
write_basic_package_version_file(tandem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tandem-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/tandem-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)

# What is installed serves a stranger: a separate project is built against it and run.
if(BUILD_TESTING)
  set(TANDEM_CONSUMER_FLAGS "")
  if(TANDEM_SANITIZE)
    set(TANDEM_CONSUMER_FLAGS "-fsanitize=${TANDEM_SANITIZE}")
  endif()
  add_test(NAME "installed: a separate project builds against what is installed and runs"
    COMMAND ${CMAKE_COMMAND} -D BUILD_DIR=${CMAKE_BINARY_DIR} -D WORK_DIR=${CMAKE_BINARY_DIR}/consumer
      -D FLAGS=${TANDEM_CONSUMER_FLAGS} -D COMPILER=${CMAKE_CXX_COMPILER}
      -D HTTPLIB_HEADER=${TANDEM_HTTPLIB_HEADER}
      -P ${CMAKE_SOURCE_DIR}/tests/consumer/run.cmake)
endif()
