# SPDX-License-Identifier: BSL-1.0
# The parts of the library that need more than the core does, each a target of its own. The same file serves our own
# build (HEARTBEAT_COMPONENTS) and, installed, find_package(heartbeat COMPONENTS …), so the two cannot differ.
#
#   heartbeat::typedb, heartbeat::etcd, heartbeat::grpc_health   the core, gRPC, Protobuf and the code of one .proto
#   heartbeat::asio                                              the core and Boost.Asio, which is headers alone
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/HeartbeatProtobuf.cmake)

set(HEARTBEAT_ALL_COMPONENTS typedb etcd grpc_health asio)

# Makes heartbeat::<component>, unless it is there already. `include_dir` is where the library's headers are. Where that
# cannot be, the variable named by the caller says why; else it is empty.
function(heartbeat_component component include_dir why_not)
  set(reason "")
  if(TARGET heartbeat::${component})
  elseif(component STREQUAL "asio")
    find_package(Boost 1.74 QUIET)
    if(TARGET Boost::headers)
      add_library(heartbeat_asio INTERFACE)
      target_link_libraries(heartbeat_asio INTERFACE heartbeat::heartbeat Boost::headers)
    else()
      set(reason "heartbeat's component asio needs Boost 1.74, which was not found. On Debian: apt-get install libboost-dev.")
    endif()
  elseif(component IN_LIST HEARTBEAT_ALL_COMPONENTS)
    heartbeat_protobuf(TARGET heartbeat_${component} PROTO heartbeat/transports/protocol/${component}.proto
                       IMPORT_DIR ${include_dir} WHY_NOT reason)
  else()
    list(JOIN HEARTBEAT_ALL_COMPONENTS ", " all)
    set(reason "heartbeat has no component ${component}; it has ${all}.")
  endif()
  if(TARGET heartbeat_${component} AND NOT TARGET heartbeat::${component})
    add_library(heartbeat::${component} ALIAS heartbeat_${component})
  endif()
  set(${why_not} "${reason}" PARENT_SCOPE)
endfunction()
