// Watches everybody's scores as many times as it is told, and counts what comes.
//
// It is the load of `presence bench gateway` and no example of a client: messages are counted and their scores are
// not read. When every watcher is up to date it says `ready`; it counts until its standard input ends, and says what
// came as JSON.
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
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	method = "/presence.v1.ScoreService/WatchScores"
	// Nobody has this id: a watch of it is told at once how far the gateway is.
	nobody             = "p_77777777777777777777777777"
	watchersOfOneConn  = 250
	messageBytesMax    = 16 << 20
	fieldScores        = 1
	fieldToken         = 2
	fieldPeople        = 1
	fieldRequestsToken = 2
)

// raw hands messages over as they are on the wire.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *(v.(*[]byte)), nil }
func (raw) Unmarshal(data []byte, v any) error { *(v.(*[]byte)) = data; return nil }
func (raw) Name() string                       { return "proto" }

type counts struct{ messages, scores, bytes atomic.Int64 }

func dial(address string) *grpc.ClientConn {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(messageBytesMax)))
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

func watch(ctx context.Context, connection *grpc.ClientConn, request []byte) grpc.ClientStream {
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		log.Fatal(err)
	}
	if err := stream.SendMsg(&request); err != nil {
		log.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		log.Fatal(err)
	}
	return stream
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
	if err := watch(ctx, connection, field(fieldPeople, nobody)).RecvMsg(&message); err != nil {
		log.Fatal(err)
	}
	_, token := read(message)
	return token
}

func main() {
	address := flag.String("address", "127.0.0.1:50051", "of the gateway")
	watchers := flag.Int("watchers", 1, "how many")
	flag.Parse()

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
		stream := watch(ctx, connection, request)
		ready.Add(1)
		ended.Add(1)
		go func() {
			defer ended.Done()
			for first := true; ; first = false {
				var message []byte
				if err := stream.RecvMsg(&message); err != nil {
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
