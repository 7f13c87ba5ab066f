// SPDX-License-Identifier: BSL-1.0
// Whether the address or the thread sanitizer is at work, and which of them, which each compiler says in its own way.
#pragma once

#if defined(__has_feature)
#define HEARTBEAT_TEST_THREAD_SANITIZED (__has_feature(thread_sanitizer))
#define HEARTBEAT_TEST_SANITIZED (HEARTBEAT_TEST_THREAD_SANITIZED || __has_feature(address_sanitizer))
#elif defined(__SANITIZE_THREAD__)
#define HEARTBEAT_TEST_THREAD_SANITIZED 1
#define HEARTBEAT_TEST_SANITIZED 1
#else
#define HEARTBEAT_TEST_THREAD_SANITIZED 0
#if defined(__SANITIZE_ADDRESS__)
#define HEARTBEAT_TEST_SANITIZED 1
#else
#define HEARTBEAT_TEST_SANITIZED 0
#endif
#endif
#define HEARTBEAT_TEST_ADDRESS_SANITIZED (HEARTBEAT_TEST_SANITIZED && !HEARTBEAT_TEST_THREAD_SANITIZED)
