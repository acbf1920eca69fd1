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

foreach(program tandem-master tandem-worker tandem)
  run(${WORK_DIR}/installed/bin/${program} --version)
endforeach()
file(GLOB_RECURSE installed_files ${WORK_DIR}/installed/*)
if(NOT installed_files MATCHES "/LICENSE")
  message(FATAL_ERROR "the licence is not installed")
endif()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK_DIR}/build
  -D CMAKE_PREFIX_PATH=${WORK_DIR}/installed -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${WORK_DIR}/build/consumer)
file(REMOVE_RECURSE ${WORK_DIR})
