# SPDX-License-Identifier: BSL-1.0
# HEARTBEAT_SANITIZE=address,undefined or =thread instruments everything this build compiles, generated code included.
set(HEARTBEAT_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
if(HEARTBEAT_SANITIZE)
  add_compile_options(-fsanitize=${HEARTBEAT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HEARTBEAT_SANITIZE})
  if(HEARTBEAT_SANITIZE MATCHES "thread")
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK) # this sanitizer knows no fences; Asio has locks besides
  endif()
endif()
