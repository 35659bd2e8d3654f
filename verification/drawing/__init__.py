"""Drawing: where rows are drawn, in this process, in others or on a cluster, and how their answers are kept."""
