// SPDX-License-Identifier: BSL-1.0

// etcd's own Go client, as its users have it: one client, KeepAlive for each lease, and a goroutine that reads the
// lease's answers. Measured as ../etcd_keepalives.cpp is.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/etcd/clientv3"
)

// The client looks each 500 ms for leases whose last answer is a third of the ttl ago, so it beats each ttl/3 + 500 ms.
const ttl = 6
const interval = 2500 * time.Millisecond
const grantsAtOnce = 32

var acknowledged, lost atomic.Uint64

func grant(client *clientv3.Client, count uint64) []clientv3.LeaseID {
	ids := make([]clientv3.LeaseID, count)
	var next atomic.Uint64
	var done sync.WaitGroup
	for i := 0; i < grantsAtOnce; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for number := next.Add(1) - 1; number < count; number = next.Add(1) - 1 {
				lease, err := client.Grant(context.Background(), ttl)
				exitIf(err)
				ids[number] = lease.ID
			}
		}()
	}
	done.Wait()
	return ids
}

func keepAlive(client *clientv3.Client, id clientv3.LeaseID) {
	answers, err := client.KeepAlive(context.Background(), id)
	exitIf(err)
	go func() {
		for range answers {
			acknowledged.Add(1)
		}
		lost.Add(1)
	}()
}

func exitIf(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
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
	address := flag.String("address", "", "")
	heartbeats := flag.Uint64("heartbeats", 1_000, "")
	seconds := flag.Float64("seconds", 5, "")
	flag.Parse()
	before := residentBytes()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{*address}, DialTimeout: 5 * time.Second})
	exitIf(err)
	for _, id := range grant(client, *heartbeats) {
		keepAlive(client, id)
	}
	time.Sleep(interval + time.Second)
	began, cpuBefore, beatsBefore := time.Now(), cpuSeconds(), acknowledged.Load()
	time.Sleep(time.Duration(*seconds * float64(time.Second)))
	cpu := cpuSeconds() - cpuBefore
	beats := float64(acknowledged.Load() - beatsBefore)
	count := float64(*heartbeats)
	due := count * time.Since(began).Seconds() / interval.Seconds()
	fmt.Printf("{\"heartbeats\": %.0f, \"beats\": %.0f, \"due\": %.0f, \"cpu_ns_per_beat\": %.1f, \"bytes\": %.1f, \"lost\": %d}\n",
		count, beats, due, cpu*1e9/beats, (residentBytes()-before)/count, lost.Load())
	if math.Abs(beats-due) > 0.2*due { // they come in bursts of unequal size, and a span may hold one more or less
		fmt.Fprintf(os.Stderr, "%.0f beats were made where %.0f were due\n", beats, due)
		os.Exit(1)
	}
}
