package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

type question struct {
	Text string `rfc:"REQUTEXT"`
}

type answer struct {
	Echo   string `rfc:"ECHOTEXT"`
	System string `rfc:"RESPTEXT"`
}

func main() {
	ctx := context.Background()
	conn, err := destination.Dial(ctx, destination.Config{
		ApplicationServer: "127.0.0.1", SystemNumber: "00", GatewayService: os.Getenv("RFC_PORT"),
		Client: "001", User: "DEVELOPER", Password: rfc.Secret(os.Getenv("RFC_PASSWORD")), Language: "EN",
	})
	if err != nil {
		log.Fatal(err)
	}
	out, err := rfc.Call[answer](ctx, conn, "STFC_CONNECTION", question{Text: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Echo, "-", out.System)
	_ = conn.Close()
}
