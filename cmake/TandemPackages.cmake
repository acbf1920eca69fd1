# Every library the project uses: Debian packages, named in scripts/packages.txt, none vendored.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)                     # headers only: Asio, Beast
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)                       # the durable log
find_package(PkgConfig REQUIRED)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(nghttp2 REQUIRED IMPORTED_TARGET libnghttp2)  # framing and HPACK of HTTP/2

# Asio and Beast as we use them: errors as values where it counts, no deprecated names, and room for
# as many recycled coroutine frames as one request nests.
add_library(tandem_asio INTERFACE)
target_link_libraries(tandem_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(tandem_asio INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8)
# A false alarm of gcc 12 at coroutines whose frames Asio recycles.
target_compile_options(tandem_asio INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
# gcc 12 keeps neighbouring counters of a coroutine in one vector register and fills it, after a
# suspension, from registers that are not restored: bytes were lost that way.
target_compile_options(tandem_asio INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-fno-tree-slp-vectorize>)
