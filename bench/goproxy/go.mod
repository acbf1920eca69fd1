module tandem/bench/goproxy

go 1.19
