# `cmake --install`: the programs, the public headers, a CMake package and a pkg-config file:
#   find_package(tandem) gives tandem::worker, tandem::client, and tandem::tandem, the shared library with both.
# Three components, which are three packages: tandem (what runs), libtandem (the shared library), libtandem-dev.
include(CMakePackageConfigHelpers)

# Both libraries as one that programs may share. Only what the public headers declare can be linked.
add_library(tandem_shared SHARED ${PROJECT_SOURCE_DIR}/cmake/shared_library.cpp)
add_library(tandem::tandem ALIAS tandem_shared)
set_target_properties(tandem_shared PROPERTIES EXPORT_NAME tandem OUTPUT_NAME tandem
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/shared_library.map)
target_include_directories(tandem_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(tandem_shared
  PUBLIC PkgConfig::httplib Threads::Threads
  PRIVATE $<BUILD_INTERFACE:-Wl,--whole-archive> $<BUILD_INTERFACE:tandem_worker> $<BUILD_INTERFACE:tandem_client>
    $<BUILD_INTERFACE:-Wl,--no-whole-archive> $<BUILD_INTERFACE:tandem_compile_options>)
target_link_options(tandem_shared PRIVATE
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/shared_library.map -Wl,-z,relro,-z,now)
if(NOT TANDEM_SANITIZE)  # a sanitizer's functions come with the program
  target_link_options(tandem_shared PRIVATE -Wl,--no-undefined)
endif()

install(TARGETS tandem-master tandem-worker tandem
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tandem)
install(TARGETS tandem_shared EXPORT tandem-shared-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libtandem NAMELINK_COMPONENT libtandem-dev)
install(TARGETS tandem_worker tandem_client tandem_cluster tandem_http1 tandem_storage tandem_common
  EXPORT tandem-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libtandem-dev)
install(DIRECTORY worker/include/ common/client/include/ common/tls/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT libtandem-dev)
install(FILES ${PROJECT_BINARY_DIR}/generated/tandem/httplib_layout.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tandem COMPONENT libtandem-dev)
install(EXPORT tandem-targets NAMESPACE tandem::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem COMPONENT libtandem-dev)
install(EXPORT tandem-shared-targets NAMESPACE tandem::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem COMPONENT libtandem-dev)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tandem)

configure_package_config_file(cmake/tandem-config.cmake.in tandem-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)
write_basic_package_version_file(tandem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tandem-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/tandem-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tandem COMPONENT libtandem-dev)
configure_file(cmake/tandem.pc.in tandem.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tandem.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT libtandem-dev)

# All that is installed, and nothing else.
add_custom_target(installable)
add_dependencies(installable tandem-master tandem-worker tandem tandem_client tandem_shared tandem-documents)

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
