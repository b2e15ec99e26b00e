package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// Nobody has this id: a watch of it is told at once how far the gateway is.
	nobody             = "p_77777777777777777777777777"
	watchersOfOneConn  = 250
	fieldScores        = 1
	fieldToken         = 2
	fieldPeople        = 1
	fieldRequestsToken = 2
)

type counts struct{ messages, scores, bytes atomic.Int64 }

func stream(ctx context.Context, connection *grpc.ClientConn, request []byte) grpc.ClientStream {
	opened, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, service+"WatchScores")
	if err != nil {
		log.Fatal(err)
	}
	if err := opened.SendMsg(&request); err != nil {
		log.Fatal(err)
	}
	if err := opened.CloseSend(); err != nil {
		log.Fatal(err)
	}
	return opened
}

// read returns how many scores a message holds, and its token.
func read(message []byte) (scores int64, token string) {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			log.Fatal(protowire.ParseError(length))
		}
		message = message[length:]
		if number == fieldScores {
			scores++
		}
		if number == fieldToken {
			value, _ := protowire.ConsumeBytes(message)
			token = string(value)
		}
		length = protowire.ConsumeFieldValue(number, kind, message)
		if length < 0 {
			log.Fatal(protowire.ParseError(length))
		}
		message = message[length:]
	}
	return scores, token
}

func field(number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// present is the token of now.
func present(ctx context.Context, address string) string {
	connection := dial(address)
	defer connection.Close()
	var message []byte
	if err := stream(ctx, connection, field(fieldPeople, nobody)).RecvMsg(&message); err != nil {
		log.Fatal(err)
	}
	_, token := read(message)
	return token
}

// watch says `ready` when every watcher is up to date, counts until its standard input ends, and says what came.
func watch(arguments []string) {
	flags := flag.NewFlagSet("watch", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:50051", "of the gateway")
	watchers := flags.Int("watchers", 1, "how many")
	flags.Parse(arguments)

	ctx, cancel := context.WithCancel(context.Background())
	request := field(fieldRequestsToken, present(ctx, *address))
	var got counts
	var ready, ended sync.WaitGroup
	var counting atomic.Bool
	var connection *grpc.ClientConn
	for number := 0; number < *watchers; number++ {
		if number%watchersOfOneConn == 0 {
			connection = dial(*address)
		}
		watching := stream(ctx, connection, request)
		ready.Add(1)
		ended.Add(1)
		go func() {
			defer ended.Done()
			for first := true; ; first = false {
				var message []byte
				if err := watching.RecvMsg(&message); err != nil {
					if ctx.Err() == nil {
						log.Fatal(err)
					}
					return
				}
				if first {
					ready.Done()
				}
				if counting.Load() {
					scores, _ := read(message)
					got.messages.Add(1)
					got.scores.Add(scores)
					got.bytes.Add(int64(len(message)))
				}
			}
		}()
	}
	ready.Wait()
	counting.Store(true)
	begun := time.Now()
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		log.Fatal(err)
	}
	seconds := time.Since(begun).Seconds()
	counting.Store(false)
	cancel()
	ended.Wait()
	err := json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": seconds, "messages": got.messages.Load(), "scores": got.scores.Load(), "bytes": got.bytes.Load(),
	})
	if err != nil {
		log.Fatal(err)
	}
}
