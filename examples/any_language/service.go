// A service that is a worker of a Tandem cluster: go run service.go NAME MASTER [MASTER...]
//
// Each MASTER is a control address, HOST:PORT. The token, if the masters ask for one, is in the
// file that $TANDEM_TOKEN_FILE names.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type heartbeat struct {
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
	Address     string `json:"address"`
	Connections int    `json:"connections"`
	State       string `json:"state"`
}

type answer struct {
	IntervalMs int  `json:"interval_ms"`
	Removed    bool `json:"removed"`
}

var client = http.Client{Timeout: 2 * time.Second}

func send(master string, beat heartbeat) (answer, error) {
	var said answer
	body, _ := json.Marshal(beat)
	request, err := http.NewRequest("POST", "http://"+master+"/heartbeat", bytes.NewReader(body))
	if err != nil {
		return said, err
	}
	request.Header.Set("Content-Type", "application/json")
	if file := os.Getenv("TANDEM_TOKEN_FILE"); file != "" {
		token, err := os.ReadFile(file)
		if err != nil {
			return said, err
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	response, err := client.Do(request)
	if err != nil {
		return said, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return said, fmt.Errorf("%s", response.Status)
	}
	return said, json.NewDecoder(response.Body).Decode(&said)
}

func main() {
	name, masters := os.Args[1], os.Args[2:]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	random := make([]byte, 8) // new at each start
	rand.Read(random)
	beat := heartbeat{name, hex.EncodeToString(random), listener.Addr().String(), 64, "up"}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s\n", name)
	})
	go http.Serve(listener, nil)
	for _, master := range masters {
		go func(master string) {
			for {
				said, err := send(master, beat)
				if err != nil { // it may be back by the next one
					fmt.Fprintf(os.Stderr, "%s: %v\n", master, err)
					said.IntervalMs = 1000
				}
				if said.Removed {
					stop <- syscall.SIGTERM
					return
				}
				time.Sleep(time.Duration(said.IntervalMs) * time.Millisecond)
			}
		}(master)
	}
	fmt.Printf("ready %s\n", beat.Address)
	<-stop
	beat.State = "bye" // no new requests from here on
	for _, master := range masters {
		send(master, beat)
	}
}
