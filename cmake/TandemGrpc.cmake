# gRPC and Protobuf are for an example and for tests alone, which are left out where they are not installed.
find_program(TANDEM_PROTOC protoc)
find_program(TANDEM_GRPC_PLUGIN grpc_cpp_plugin)
pkg_check_modules(grpcpp QUIET IMPORTED_TARGET grpc++ protobuf)
if(grpcpp_FOUND AND TANDEM_PROTOC AND TANDEM_GRPC_PLUGIN)
  set(TANDEM_HAS_GRPC ON)
else()
  set(TANDEM_HAS_GRPC OFF)
  message(STATUS "gRPC: libgrpc++-dev, protobuf-compiler or protobuf-compiler-grpc is missing: "
    "examples/grpc_hello and tests/grpc are left out")
endif()

# tandem_proto_library(NAME FILE.proto): a library of what protoc makes of it, and NAME_pb2.py beside it.
function(tandem_proto_library name proto)
  get_filename_component(stem ${proto} NAME_WE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/proto)
  set(sources ${folder}/${stem}.pb.cc ${folder}/${stem}.grpc.pb.cc)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${sources}
    COMMAND ${TANDEM_PROTOC} --proto_path=${CMAKE_CURRENT_SOURCE_DIR} --cpp_out=${folder}
      --grpc_out=${folder} --python_out=${folder} --plugin=protoc-gen-grpc=${TANDEM_GRPC_PLUGIN}
      ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
    DEPENDS ${proto} VERBATIM)
  add_library(${name} STATIC ${sources})
  # What is generated keeps to no rules of ours.
  target_compile_options(${name} PRIVATE -w)
  target_include_directories(${name} SYSTEM PUBLIC ${folder})
  target_link_libraries(${name} PUBLIC PkgConfig::grpcpp)
  set_target_properties(${name} PROPERTIES TANDEM_PYTHON_FOLDER ${folder})
endfunction()
