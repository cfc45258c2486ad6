"""Models that give rewards: a scalar head on any supported model, trained on preferences.

judged.py         pairs from a judge's verdicts: both orders, averaged, kept if the gap is large
preferences.py    preference and safety files, in the columns people have
lengths.py        the controls against length bias
encoding.py       what of a completion is scored, as tokens
model.py          the decoder with its head; saving and loading
losses.py         pairwise (Bradley-Terry) and point-wise (BCE) losses
learner.py        gradients and updates, whatever the micro-batch
training.py       the loop: epochs, checkpoints, held-out figures, the saved model
figures.py        accuracy, calibration and length bias of scores
reward.py         a trained model as a reward in reinforcement learning
"""
