// Load is what asks in `presence bench gateway`, and no example of a client: messages are counted and never parsed, so
// that the machine's time is the server's.
//
//	load call  -address HOST:PORT -method NAME -requests FILE    asks as fast as it is answered
//	load watch -address HOST:PORT -watchers N                    counts what N watchers of everybody are told
package main

import (
	"fmt"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	service         = "/presence.v1.ScoreService/"
	messageBytesMax = 16 << 20
)

// raw hands messages over as they are on the wire.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *(v.(*[]byte)), nil }
func (raw) Unmarshal(data []byte, v any) error { *(v.(*[]byte)) = data; return nil }
func (raw) Name() string                       { return "proto" }

func dial(address string) *grpc.ClientConn {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(messageBytesMax)))
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

func main() {
	log.SetFlags(0)
	does := map[string]func([]string){"call": call, "watch": watch}
	if len(os.Args) < 2 || does[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "load call|watch -help")
		os.Exit(2)
	}
	does[os.Args[1]](os.Args[2:])
}
