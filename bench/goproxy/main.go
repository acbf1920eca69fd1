// bench-goproxy: Go's httputil.ReverseProxy as a peer to measure beside.
//
//	bench-goproxy PORT ORIGIN_PORT
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: bench-goproxy PORT ORIGIN_PORT")
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + os.Args[2]})
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 4096, DisableCompression: true}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("bench-goproxy ready listen=%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, proxy))
}
