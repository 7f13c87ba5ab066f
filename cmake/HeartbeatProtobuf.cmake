# SPDX-License-Identifier: BSL-1.0
# Turns a .proto into a static library of messages and gRPC stubs, for our own build and, installed, for a user's, so the
# generated code always fits the Protobuf that is linked.
#
#   heartbeat_protobuf(TARGET my_protocol PROTO my/room/protocol.proto IMPORT_DIR ${CMAKE_CURRENT_SOURCE_DIR}/include
#                      WHY_NOT reason)
#
# makes my_protocol, whose users include <my/room/protocol.grpc.pb.h>: the generated headers repeat the .proto's path.
# Where gRPC was not found it makes nothing, and ${reason} says so.

# Finds gRPC and Protobuf; stores what to link, and the plug-in of protoc, in the two variables named by the caller, or
# what is missing in the third.
function(heartbeat_find_grpc library plugin why_not)
  if(NOT TARGET gRPC::grpc++)
    find_package(gRPC CONFIG QUIET)
  endif()
  if(NOT TARGET protobuf::protoc)
    find_package(Protobuf QUIET)
  endif()
  if(TARGET gRPC::grpc++)
    set(found_library gRPC::grpc++)
  else() # a gRPC that was installed without its CMake files
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(HEARTBEAT_GRPCPP QUIET IMPORTED_TARGET grpc++)
      set(found_library PkgConfig::HEARTBEAT_GRPCPP)
    endif()
  endif()
  if(TARGET gRPC::grpc_cpp_plugin)
    set(found_plugin $<TARGET_FILE:gRPC::grpc_cpp_plugin>)
  else()
    find_program(HEARTBEAT_GRPC_CPP_PLUGIN grpc_cpp_plugin)
    set(found_plugin ${HEARTBEAT_GRPC_CPP_PLUGIN})
  endif()
  if(NOT TARGET "${found_library}" OR NOT TARGET protobuf::protoc OR NOT found_plugin)
    string(CONCAT reason "heartbeat's components typedb, etcd and grpc_health need gRPC, Protobuf and their compilers, which "
                         "were not found. On Debian: apt-get install libgrpc++-dev libprotobuf-dev protobuf-compiler "
                         "protobuf-compiler-grpc. Where heartbeat itself is built, -DHEARTBEAT_COMPONENTS=asio leaves them out.")
    set(${why_not} "${reason}" PARENT_SCOPE)
    return()
  endif()
  set(${why_not} "" PARENT_SCOPE)
  set(${library} ${found_library} protobuf::libprotobuf PARENT_SCOPE)
  set(${plugin} ${found_plugin} PARENT_SCOPE)
endfunction()

function(heartbeat_protobuf)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;PROTO;IMPORT_DIR;WHY_NOT" "")
  heartbeat_find_grpc(grpc plugin reason)
  set(${arg_WHY_NOT} "${reason}" PARENT_SCOPE)
  if(reason)
    return()
  endif()
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
  string(REGEX REPLACE "[.]proto$" "" stem ${generated}/${arg_PROTO})
  file(MAKE_DIRECTORY ${generated})
  add_custom_command(
    OUTPUT ${stem}.pb.cc ${stem}.pb.h ${stem}.grpc.pb.cc ${stem}.grpc.pb.h
    COMMAND protobuf::protoc -I ${arg_IMPORT_DIR} --cpp_out=${generated} --grpc_out=${generated}
            --plugin=protoc-gen-grpc=${plugin} ${arg_IMPORT_DIR}/${arg_PROTO}
    DEPENDS ${arg_IMPORT_DIR}/${arg_PROTO}
    COMMENT "Generating C++ from ${arg_PROTO}"
    VERBATIM)
  add_library(${arg_TARGET} STATIC ${stem}.pb.cc ${stem}.grpc.pb.cc)
  set_target_properties(${arg_TARGET} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${arg_TARGET} PRIVATE -w) # nobody here can mend generated code
  target_include_directories(${arg_TARGET} SYSTEM PUBLIC ${generated})
  target_link_libraries(${arg_TARGET} PUBLIC heartbeat::heartbeat ${grpc})
endfunction()
