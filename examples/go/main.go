// Follows scores and prints each change, for ever: `go run . 127.0.0.1:50051 [person...]`.
//
// A watch that ends is called again with its last token, so nothing is missed and nothing comes twice.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	presence "example.com/presence/presencev1"
)

const pause = time.Second

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: go run . host:port [person...]")
	}
	// For a gateway elsewhere: credentials.NewTLS(&tls.Config{}).
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := presence.NewScoreServiceClient(connection)
	token := ""
	for {
		err := follow(context.Background(), client, os.Args[2:], &token)
		switch status.Code(err) {
		case codes.OutOfRange:
			token = "" // Forget every score, and begin again.
		case codes.Unavailable, codes.ResourceExhausted, codes.OK:
			time.Sleep(pause)
		default:
			log.Fatal(err)
		}
	}
}

// follow prints scores until the watch ends, and leaves in token where to go on.
func follow(ctx context.Context, client presence.ScoreServiceClient, people []string, token *string) error {
	if key := os.Getenv("PRESENCE_CLIENT_TOKEN"); key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	stream, err := client.WatchScores(ctx, &presence.WatchScoresRequest{People: people, ResumeToken: *token})
	if err != nil {
		return err
	}
	for {
		update, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		*token = update.ResumeToken
		for _, score := range update.Scores {
			fmt.Printf("%s %.1f\n", score.Person, float64(score.PresenceMillipoints)/1000)
		}
		for _, person := range update.Erased {
			fmt.Printf("%s erased\n", person)
		}
	}
}
