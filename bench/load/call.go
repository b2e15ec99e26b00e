package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// requests are those of a file, each with its length as a varint in front.
func requests(path string) (found [][]byte) {
	content, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	for len(content) > 0 {
		request, length := protowire.ConsumeBytes(content)
		if length < 0 {
			log.Fatal(protowire.ParseError(length))
		}
		found = append(found, request)
		content = content[length:]
	}
	return found
}

// call asks one request after the other, so many at a time, and says how many answers came and how long they took. An
// error ends it: a server that refuses is not measured.
func call(arguments []string) {
	flags := flag.NewFlagSet("call", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:50051", "of the server")
	method := flags.String("method", "GetScore", "of ScoreService")
	path := flags.String("requests", "", "a file of serialised requests, each with its length in front")
	connections := flags.Int("connections", 4, "how many")
	concurrency := flags.Int("concurrency", 32, "calls at a time, of all connections together")
	seconds := flags.Float64("seconds", 5, "how long")
	flags.Parse(arguments)

	asked := requests(*path)
	dialed := make([]*grpc.ClientConn, *connections)
	for number := range dialed {
		dialed[number] = dial(*address)
	}
	took := make([][]time.Duration, *concurrency)
	var turn, bytes atomic.Int64
	var working sync.WaitGroup
	begun := time.Now()
	end := begun.Add(time.Duration(*seconds * float64(time.Second)))
	for worker := range took {
		working.Go(func() {
			connection := dialed[worker%len(dialed)]
			for before := time.Now(); before.Before(end); {
				request := asked[turn.Add(1)%int64(len(asked))]
				var answer []byte
				if err := connection.Invoke(context.Background(), service+*method, &request, &answer); err != nil {
					log.Fatal(err)
				}
				after := time.Now()
				took[worker] = append(took[worker], after.Sub(before))
				bytes.Add(int64(len(answer)))
				before = after
			}
		})
	}
	working.Wait()
	elapsed := time.Since(begun).Seconds()
	all := slices.Concat(took...)
	slices.Sort(all)
	milliseconds := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000
	}
	err := json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": elapsed, "calls": len(all), "bytes": bytes.Load(),
		"p50_ms": milliseconds(0.5), "p99_ms": milliseconds(0.99),
	})
	if err != nil {
		log.Fatal(err)
	}
}
