# Installs the build tree into a folder of its own, builds the consumer against that, and runs it:
#   cmake -D BUILD_DIR=... -D WORK_DIR=... [-D FLAGS=...] [-D COMPILER=...] -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/installed)

# What a package would have, by what it is for.
foreach(file
    bin/tandem-master bin/tandem-worker bin/tandem
    lib/systemd/system/tandem-master@.service lib/systemd/system/tandem-worker@.service
    lib/sysusers.d/tandem.conf lib/tmpfiles.d/tandem.conf
    share/man/man1/tandem.1 share/man/man1/tandem-master.1 share/man/man1/tandem-worker.1
    share/man/man5/tandem.toml.5 share/doc/tandem/LICENSE
    share/doc/tandem/examples/master.toml share/doc/tandem/examples/worker.toml
    share/bash-completion/completions/tandem share/zsh/vendor-completions/_tandem
    include/tandem/worker.hpp include/tandem/client.hpp include/tandem/httplib_layout.hpp
    include/tandem/cluster_certificate.hpp
    lib/libtandem.so lib/libtandem_worker.a lib/pkgconfig/tandem.pc lib/cmake/tandem/tandem-config.cmake)
  file(GLOB found ${WORK_DIR}/installed/${file})
  string(REGEX REPLACE "^lib/" "lib/*/" in_multiarch ${file})
  file(GLOB elsewhere ${WORK_DIR}/installed/${in_multiarch})
  if(NOT found AND NOT elsewhere)
    message(FATAL_ERROR "${file} is not installed")
  endif()
endforeach()

file(READ ${WORK_DIR}/installed/lib/systemd/system/tandem-master@.service unit)
if(NOT unit MATCHES "ExecStart=${WORK_DIR}/installed/bin/tandem-master ")
  message(FATAL_ERROR "the unit starts another program:\n${unit}")
endif()

foreach(program tandem-master tandem-worker tandem)
  run(${WORK_DIR}/installed/bin/${program} --version)
endforeach()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK_DIR}/build
  -D CMAKE_PREFIX_PATH=${WORK_DIR}/installed -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${WORK_DIR}/build/consumer)

# An example, copied elsewhere.
file(COPY ${CMAKE_CURRENT_LIST_DIR}/../../examples/hello_service DESTINATION ${WORK_DIR})
run(${CMAKE_COMMAND} -S ${WORK_DIR}/hello_service -B ${WORK_DIR}/hello -D CMAKE_PREFIX_PATH=${WORK_DIR}/installed
  -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=Debug)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/hello)

# The same with the shared library alone, by pkg-config.
file(GLOB_RECURSE pkg_config_file ${WORK_DIR}/installed/lib/*/tandem.pc)
get_filename_component(pkg_config_folder ${pkg_config_file} DIRECTORY)
get_filename_component(library_folder ${pkg_config_folder} DIRECTORY)
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
execute_process(COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${pkg_config_folder}
  pkg-config --cflags --libs --define-variable=prefix=${WORK_DIR}/installed tandem
  OUTPUT_VARIABLE from_pkg_config OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(from_pkg_config UNIX_COMMAND "${from_pkg_config}")
run(${COMPILER} -std=c++17 ${flags} ${CMAKE_CURRENT_LIST_DIR}/main.cpp ${from_pkg_config} -pthread
  -o ${WORK_DIR}/build/shared_consumer)
run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${library_folder} ${WORK_DIR}/build/shared_consumer)

# Another cpp-httplib, or the same with other macros, does not compile, whichever header comes first.
function(refused order)
  set(source ${WORK_DIR}/refused.cpp)
  if(order STREQUAL "httplib first")
    set(includes "#include <httplib.h>\n#include <tandem/worker.hpp>\n")
  else()
    set(includes "#include <tandem/worker.hpp>\n#include <httplib.h>\n")
  endif()
  file(WRITE ${source} "${includes}void add(tandem::Worker& worker) { worker.server(); }\n")
  execute_process(COMMAND ${COMPILER} -std=c++17 -fsyntax-only ${ARGN} -I${WORK_DIR}/installed/include ${source}
    RESULT_VARIABLE status ERROR_VARIABLE output)
  if(status EQUAL 0 OR NOT output MATCHES "built with another")
    message(FATAL_ERROR "${order} ${ARGN}: a foreign cpp-httplib is not refused:\n${output}")
  endif()
endfunction()
file(READ ${HTTPLIB_HEADER} newer)
string(REPLACE "struct Request {" "struct Request {\n  int start_time = 0;" newer "${newer}")
string(REGEX REPLACE "CPPHTTPLIB_VERSION \"[^\"]*\"" "CPPHTTPLIB_VERSION \"99.0.0\"" newer "${newer}")
file(WRITE ${WORK_DIR}/newer/httplib.h "${newer}")
set(macros -DCPPHTTPLIB_OPENSSL_SUPPORT -DCPPHTTPLIB_ZLIB_SUPPORT -DCPPHTTPLIB_BROTLI_SUPPORT)
foreach(order IN ITEMS "httplib first" "httplib last")
  refused(${order} ${macros} -I${WORK_DIR}/newer)
  refused(${order})
endforeach()
file(REMOVE_RECURSE ${WORK_DIR})
