// SPDX-License-Identifier: BSL-1.0
// Clang's lock checks as words: which mutex guards a member, and which function must be called under it. Other
// compilers see nothing. Read next: threading.hpp.
#pragma once

#if defined(__clang__)
#define HEARTBEAT_ANNOTATION(x) __attribute__((x))
#else
#define HEARTBEAT_ANNOTATION(x)
#endif

#define HEARTBEAT_CAPABILITY(name) HEARTBEAT_ANNOTATION(capability(name))
#define HEARTBEAT_SCOPED_CAPABILITY HEARTBEAT_ANNOTATION(scoped_lockable)
#define HEARTBEAT_GUARDED_BY(mutex) HEARTBEAT_ANNOTATION(guarded_by(mutex))
#define HEARTBEAT_REQUIRES(...) HEARTBEAT_ANNOTATION(requires_capability(__VA_ARGS__))
#define HEARTBEAT_EXCLUDES(...) HEARTBEAT_ANNOTATION(locks_excluded(__VA_ARGS__))
#define HEARTBEAT_ACQUIRE(...) HEARTBEAT_ANNOTATION(acquire_capability(__VA_ARGS__))
#define HEARTBEAT_RELEASE(...) HEARTBEAT_ANNOTATION(release_capability(__VA_ARGS__))
#define HEARTBEAT_RETURN_CAPABILITY(mutex) HEARTBEAT_ANNOTATION(lock_returned(mutex))
