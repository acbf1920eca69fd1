# How our own code is compiled: C++20, all warnings are errors, sanitizers by preset, ccache when it is there.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

set(TANDEM_SANITIZE "" CACHE STRING "sanitizers for every target, as -fsanitize= takes them")

# Linked by every target of ours, and by nothing that is installed.
add_library(tandem_compile_options INTERFACE)
target_compile_options(tandem_compile_options INTERFACE -Wall -Wextra -Wpedantic -Werror)
if(TANDEM_SANITIZE MATCHES "thread")
  # Asio has fences beside its locks; the sanitizer ignores them, and the locks are what orders our memory.
  target_compile_options(tandem_compile_options INTERFACE -Wno-tsan)
endif()
if(TANDEM_SANITIZE)
  # False alarms of gcc 12, once sanitizers keep it from inlining: at Asio's coroutine frames, and at optionals.
  target_compile_options(tandem_compile_options INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete -Wno-maybe-uninitialized>)
  # -O1: what is checked at run time is the same, and it is built in half of the time.
  add_compile_options(-fsanitize=${TANDEM_SANITIZE} -fno-omit-frame-pointer -g1 -O1)
  add_link_options(-fsanitize=${TANDEM_SANITIZE})
  if(TANDEM_SANITIZE MATCHES "thread")
    # ThreadSanitizer does not see fences, and gcc says so as an error; Asio's queues lock anyway.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()

# Through compile.sh, which also makes what is compiled with a precompiled header be found again.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_CURRENT_LIST_DIR}/compile.sh ${CMAKE_SOURCE_DIR} ${CCACHE_PROGRAM})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()
