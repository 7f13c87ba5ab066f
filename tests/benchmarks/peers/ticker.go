// SPDX-License-Identifier: BSL-1.0

// A goroutine, a ticker and a CancelFunc per session in a map under a mutex, as measured.hpp measures it.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const interval = 5 * time.Second

type sessionID struct{ high, low uint64 }

type noServer struct{ beats, last atomic.Uint64 }

func (s *noServer) beat(id sessionID) {
	s.beats.Add(1)
	s.last.Store(id.low)
}

type sessions struct {
	mutex  sync.Mutex
	cancel map[sessionID]context.CancelFunc
}

func (s *sessions) start(server *noServer, id sessionID, first time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	s.mutex.Lock()
	s.cancel[id] = cancel
	s.mutex.Unlock()
	go keepAlive(ctx, server, id, first)
}

func keepAlive(ctx context.Context, server *noServer, id sessionID, first time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(first):
		server.beat(id)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			server.beat(id)
		}
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func residentBytes() float64 {
	var size, resident float64
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(text), &size, &resident)
	return resident * float64(os.Getpagesize())
}

func main() {
	heartbeats := flag.Uint64("heartbeats", 1_000_000, "")
	seconds := flag.Float64("seconds", 10, "")
	flag.Parse()
	before := residentBytes()
	server := &noServer{}
	all := sessions{cancel: map[sessionID]context.CancelFunc{}}
	phases := rand.New(rand.NewSource(42))
	for number := uint64(0); number < *heartbeats; number++ {
		first := time.Duration(phases.Int63n(5000)) * time.Millisecond
		all.start(server, sessionID{number * 0x9e3779b97f4a7c15, number}, first)
	}
	time.Sleep(interval + time.Second)
	began, cpuBefore, beatsBefore := time.Now(), cpuSeconds(), server.beats.Load()
	time.Sleep(time.Duration(*seconds * float64(time.Second)))
	cpu := cpuSeconds() - cpuBefore
	beats := float64(server.beats.Load() - beatsBefore)
	count := float64(*heartbeats)
	due := count * time.Since(began).Seconds() / interval.Seconds()
	fmt.Printf("{\"heartbeats\": %.0f, \"beats\": %.0f, \"due\": %.0f, \"cpu_ns_per_beat\": %.1f, \"bytes\": %.1f}\n",
		count, beats, due, cpu*1e9/beats, (residentBytes()-before)/count)
	if math.Abs(beats-due) > 0.02*due {
		fmt.Fprintf(os.Stderr, "%.0f beats were made where %.0f were due\n", beats, due)
		os.Exit(1)
	}
}
