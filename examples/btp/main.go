package main

import (
	"context"
	"fmt"
	"log"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

type question struct {
	Text string `rfc:"REQUTEXT"`
}

type answer struct {
	Echo string `rfc:"ECHOTEXT"`
}

func main() {
	ctx := context.Background()
	btp, err := connectivity.Open(connectivity.Sources{}) // reads the bindings
	if err != nil {
		log.Fatal(err)
	}
	service, err := btp.Destinations("")
	if err != nil {
		log.Fatal(err)
	}
	catalog := &destination.Catalog{Provider: service}
	sales, err := catalog.Open("SALES_QA") // lazy; keep it, it has the pool
	if err != nil {
		log.Fatal(err)
	}
	out, err := rfc.Call[answer](ctx, sales, "STFC_CONNECTION", question{Text: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Echo)
	_ = catalog.Close(ctx)
}
