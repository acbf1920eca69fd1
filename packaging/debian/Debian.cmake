# Debian packages by CPack: tandem, libtandem0.2, libtandem-dev, and the debug information of the first two.
# scripts/package.sh makes them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tandem)
set(CPACK_PACKAGE_VENDOR "Tandem")
set(TANDEM_CONTACT "Tandem developers <tandem@localhost.localdomain>" CACHE STRING "who publishes the packages")
set(CPACK_PACKAGE_CONTACT "${TANDEM_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "highly available HTTP cluster")
set(CPACK_COMPONENTS_ALL tandem libtandem libtandem-dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON)
set(CPACK_DEBIAN_LIBTANDEM-DEV_DEBUGINFO_PACKAGE OFF)

set(library libtandem${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_DEBIAN_TANDEM_PACKAGE_NAME tandem)
set(CPACK_DEBIAN_TANDEM_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_TANDEM_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_TANDEM_PACKAGE_CONTROL_EXTRA
  "${CMAKE_CURRENT_LIST_DIR}/postinst;${CMAKE_CURRENT_LIST_DIR}/prerm;${CMAKE_CURRENT_LIST_DIR}/postrm")
set(CPACK_DEBIAN_TANDEM_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_TANDEM_DESCRIPTION "A master forwards HTTP requests to workers that register themselves; a
second one stands by and leads within milliseconds when the first is gone.
There is no registry and no fail-over daemon beside it.
.
This package has the programs tandem-master, tandem-worker and tandem, and
units for systemd. Nothing is started before a file in /etc/tandem names it.")
set(CPACK_DEBIAN_LIBTANDEM_PACKAGE_NAME ${library})
set(CPACK_DEBIAN_LIBTANDEM_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBTANDEM_PACKAGE_CONTROL_EXTRA "${CMAKE_CURRENT_LIST_DIR}/triggers")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_COMPONENT_LIBTANDEM_DESCRIPTION "Makes a C++ service a worker of a Tandem cluster, and asks the services of
one, whichever of its masters is alive.
.
This package has the shared library.")
set(CPACK_DEBIAN_LIBTANDEM-DEV_PACKAGE_NAME libtandem-dev)
set(CPACK_DEBIAN_LIBTANDEM-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBTANDEM-DEV_PACKAGE_SHLIBDEPS OFF)
# No more than the public headers include; the static libraries need those of the second line besides.
set(CPACK_DEBIAN_LIBTANDEM-DEV_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION}-1), libcpp-httplib-dev, pkg-config")
set(CPACK_DEBIAN_LIBTANDEM-DEV_PACKAGE_SUGGESTS
  "libfmt-dev, libspdlog-dev, nlohmann-json3-dev, libtomlplusplus-dev, libsqlite3-dev, libssl-dev")
set(CPACK_COMPONENT_LIBTANDEM-DEV_DESCRIPTION "Makes a C++ service a worker of a Tandem cluster, and asks the services of
one, whichever of its masters is alive.
.
This package has the headers, static libraries, a CMake package and a
pkg-config file.")

if(TANDEM_DEBIAN)
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/debian)
  file(MAKE_DIRECTORY ${folder})
  foreach(package tandem ${library} libtandem-dev)
    string(REPLACE ${library} libtandem component ${package})
    configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in ${folder}/${package}/changelog.Debian @ONLY)
    execute_process(COMMAND gzip -9nf ${folder}/${package}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
    install(FILES ${folder}/${package}/changelog.Debian.gz ${CMAKE_CURRENT_LIST_DIR}/copyright
      DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
  endforeach()
  # What is static has no package of debug information.
  install(CODE "file(GLOB archives \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libtandem_*.a)
    if(archives)
      execute_process(COMMAND strip --strip-debug --enable-deterministic-archives \${archives} COMMAND_ERROR_IS_FATAL ANY)
    endif()" COMPONENT libtandem-dev)
endif()
include(CPack)
